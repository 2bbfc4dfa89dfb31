-- Article 7 reports of the years begun, and the reports that are owed and missing (semantics.md, Time, Populations,
-- Breakdowns): the grid of who owes one first, then what was submitted.

with

years as (
    select * from {{ ref('int_reporting_years') }}
),

reporting_parties as (
    select
        reporting_year,
        iso3,
        is_pending
    from {{ ref('int_population_members') }}
    where population = 'reporting_parties'
),

reports as (
    select
        reports.*,
        reports.submitted_on <= years.submission_cut_off as is_counted
    from {{ ref('stg_article7_reports') }} as reports
    inner join years on reports.reporting_year = years.reporting_year
),

ranked as (
    select
        *,
        min(case when is_counted then submitted_on end) over (
            partition by reporting_year, iso3
        ) as first_submitted_on,
        row_number() over (
            partition by reporting_year, iso3
            order by submitted_on, report_id
        ) as report_number,
        is_counted and row_number() over (
            partition by reporting_year, iso3
            order by case when is_counted then 0 else 1 end, submitted_on desc, report_id desc
        ) = 1 as is_latest
    from reports
),

listed as (
    select
        coalesce(reporting_parties.reporting_year, ranked.reporting_year) as reporting_year,
        coalesce(reporting_parties.iso3, ranked.iso3) as iso3,
        reporting_parties.iso3 is not null and not reporting_parties.is_pending as is_owed,
        coalesce(ranked.report_number, 0) as report_number,
        ranked.report_id,
        ranked.submitted_on,
        ranked.is_counted,
        ranked.is_latest,
        ranked.first_submitted_on,
        ranked.language,
        ranked.document_url,
        ranked.document_sha256,
        ranked.received_on,
        ranked.source_ref,
        ranked.file_sha256,
        ranked.file_name,
        ranked.sheet,
        ranked.row_number,
        ranked.place
    from reporting_parties
    full outer join ranked
        on
            reporting_parties.reporting_year = ranked.reporting_year
            and reporting_parties.iso3 = ranked.iso3
)

select
    cast(listed.reporting_year as int) as reporting_year,
    cast(listed.iso3 as {{ dbt.type_string() }}) as iso3,
    cast(listed.report_number as bigint) as report_number,
    cast(listed.report_id as {{ dbt.type_string() }}) as report_id,
    cast(listed.is_owed as boolean) as is_owed,
    cast(years.report_due_on as date) as due_on,
    cast(
        case
            when listed.first_submitted_on <= years.report_due_on then 'on_time'
            when listed.first_submitted_on is not null then 'late'
            when listed.is_owed then 'missing'
            else 'not_due'
        end as {{ dbt.type_string() }}
    ) as timeliness,
    cast(listed.submitted_on as date) as submitted_on,
    cast(listed.is_counted as boolean) as is_counted,
    cast(listed.is_latest as boolean) as is_latest,
    cast(listed.language as {{ dbt.type_string() }}) as language,
    cast(listed.document_url as {{ dbt.type_string() }}) as document_url,
    cast(listed.document_sha256 as {{ dbt.type_string() }}) as document_sha256,
    cast(listed.received_on as date) as received_on,
    cast(listed.source_ref as {{ dbt.type_string() }}) as source_ref,
    cast(listed.file_sha256 as {{ dbt.type_string() }}) as file_sha256,
    cast(listed.file_name as {{ dbt.type_string() }}) as file_name,
    cast(listed.sheet as {{ dbt.type_string() }}) as sheet,
    cast(listed.row_number as bigint) as row_number,
    cast(listed.place as {{ dbt.type_string() }}) as place
from listed
inner join years on listed.reporting_year = years.reporting_year
