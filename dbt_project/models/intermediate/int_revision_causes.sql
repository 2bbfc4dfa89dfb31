-- Which changed rows moved which value: rows that bear on a member whose part in the value differs. Parts whose members
-- the publication does not name (timeliness, payment, meetings, groups of people) take all rows that bear on the part.

{% set value_key = ['reporting_year', 'plan_version', 'indicator_id', 'breakdown', 'breakdown_value'] %}

with

-- a year that has just begun brings all its values by itself
changed_values as (
    select changed.*
    from {{ ref('int_changed_values') }} as changed
    inner join (select distinct reporting_year from {{ ref('indicator_values') }}) as new_years
        on changed.reporting_year = new_years.reporting_year
    inner join (select distinct reporting_year from {{ source('control', 'previous_values') }}) as old_years
        on changed.reporting_year = old_years.reporting_year
),

changes as (
    select * from {{ ref('int_row_changes') }}
),

bearings as (
    select * from {{ ref('int_record_bearings') }}
),

indicators as (
    select * from {{ ref('dim_indicator') }}
),

old_observations as (
    select * from {{ source('control', 'previous_observations') }}
),

new_observations as (
    select * from {{ ref('indicator_observations') }}
),

old_states as (
    select * from {{ source('control', 'previous_states') }}
),

new_states as (
    select * from {{ ref('dim_state') }}
),

topics_of_rules as (
    {% for rule, topics in {
        'reported': ['answers', 'reports'],
        'reported_ever': ['answers_ever', 'reports_ever'],
        'submitted': ['reports'],
        'submitted_with_guide': ['reports'],
        'submitted_with_updates': ['reports'],
        'paid_in_time': ['contributions_assessment', 'contributions_assessment_payment', 'formal_meetings'],
        'contributed': ['contributions_voluntary_isu'],
        'participant_count': ['participations'],
        'participant_share': ['participations'],
        'joined_in_year': ['consents'],
        'attended': ['attendance'],
        'condemned_in_meeting': ['statements_condemnation'],
        'discovered_in_year': ['discoveries'],
        'destroyed_within_six_months': ['discoveries'],
        'request_plan_complete': ['requests'],
        'declared_complete_in_year': ['declarations'],
        'declared_with_voluntary_declaration': ['declarations'],
        'case_open_in_year': ['cases'],
        'case_update_reported': ['cases', 'statements_compliance_update'],
    }.items() %}
    {%- set outer_loop = loop -%}
    {% for topic in topics %}
    select
        '{{ rule }}' as rule,
        '{{ topic }}' as topic
    {{ 'union all' if not (loop.last and outer_loop.last) }}
    {% endfor %}
    {% endfor %}
),

topics_of_populations as (
    {% for population, topics in {
        'all_states': [],
        'states_parties': ['treaty_actions'],
        'states_not_party': ['treaty_actions'],
        'article3': ['treaty_actions', 'obligations_article_3'],
        'article4': ['treaty_actions', 'obligations_article_4'],
        'article5': ['treaty_actions', 'obligations_article_5'],
        'victim_assistance': ['treaty_actions', 'obligations_victim_assistance'],
        'affected': ['treaty_actions', 'obligations_article_5', 'obligations_victim_assistance'],
        'article4_overdue': ['treaty_actions', 'obligations_article_4'],
        'articles_3_4_5': [
            'treaty_actions', 'obligations_article_3', 'obligations_article_4', 'obligations_article_5',
        ],
        'article5_completed': ['treaty_actions', 'obligations_article_5'],
        'article5_ever': ['treaty_actions', 'obligations_article_5'],
        'reporting_parties': ['treaty_actions', 'reports'],
        'assessed': ['treaty_actions', 'contributions_assessment'],
        'stockpile_discoverers': ['treaty_actions', 'discoveries'],
        'extension_requests': ['treaty_actions', 'requests'],
        'completion_declarers': ['treaty_actions', 'obligations_article_5', 'declarations'],
        'article1_cases': ['treaty_actions', 'cases'],
    }.items() %}
    select
        '{{ population }}' as population,
        'states' as topic
    {% for topic in topics %}
    union all
    select
        '{{ population }}' as population,
        '{{ topic }}' as topic
    {% endfor %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- what each indicator asks of the rows; only what makes its population can let a member join or leave
topics as (
    select
        indicators.plan_version,
        indicators.indicator_id,
        asked.topic,
        max(asked.makes_members) as makes_members
    from indicators
    inner join (
        select
            rule,
            cast(null as {{ dbt.type_string() }}) as population,
            topic,
            0 as makes_members
        from topics_of_rules
        union all
        select
            null as rule,
            population,
            topic,
            1 as makes_members
        from topics_of_populations
    ) as asked
        on indicators.rule = asked.rule or indicators.population = asked.population
    group by indicators.plan_version, indicators.indicator_id, asked.topic
),

-- a member's part in the total of a value, before and now
members as (
    select
        coalesce(new_observations.reporting_year, old_observations.reporting_year) as reporting_year,
        coalesce(new_observations.plan_version, old_observations.plan_version) as plan_version,
        coalesce(new_observations.indicator_id, old_observations.indicator_id) as indicator_id,
        coalesce(new_observations.member_key, old_observations.member_key) as member_key,
        old_observations.iso3 as old_iso3,
        new_observations.iso3 as new_iso3,
        coalesce(old_observations.in_denominator, false) as old_in_denominator,
        coalesce(new_observations.in_denominator, false) as new_in_denominator,
        coalesce(old_observations.in_numerator, false) as old_in_numerator,
        coalesce(new_observations.in_numerator, false) as new_in_numerator,
        coalesce(old_observations.reason, '') as old_reason,
        coalesce(new_observations.reason, '') as new_reason,
        old_observations.member_key is null or new_observations.member_key is null as is_other_listing
    from new_observations
    full join old_observations
        on
            new_observations.reporting_year = old_observations.reporting_year
            and new_observations.plan_version = old_observations.plan_version
            and new_observations.indicator_id = old_observations.indicator_id
            and new_observations.member_kind = old_observations.member_kind
            and new_observations.member_key = old_observations.member_key
    where coalesce(new_observations.member_kind, old_observations.member_kind) <> 'participation_group'
),

placed as (
    select
        members.*,
        case
            when members.old_iso3 is not null then coalesce(old_states.un_region, 'none')
        end as old_region,
        case
            when members.new_iso3 is not null then coalesce(new_states.un_region, 'none')
        end as new_region,
        members.old_in_denominator <> members.new_in_denominator
        or members.old_in_numerator <> members.new_in_numerator as is_other_part
    from members
    left join old_states on members.old_iso3 = old_states.iso3
    left join new_states on members.new_iso3 = new_states.iso3
),

-- `all_topics`: whether every topic of the indicator may have moved the member's part, or only those of its rule
affected as (
    select
        changed_values.*,
        placed.member_key,
        placed.old_iso3,
        placed.new_iso3,
        placed.old_in_denominator <> placed.new_in_denominator
        or (indicators.unit = 'number' and placed.is_other_listing)
        or (changed_values.breakdown = 'un_region' and placed.old_region is distinct from placed.new_region)
            as is_other_membership,
        placed.is_other_part
        or changed_values.breakdown in ('un_region', 'applicable', 'meeting') as all_topics
    from changed_values
    inner join placed
        on
            changed_values.reporting_year = placed.reporting_year
            and changed_values.plan_version = placed.plan_version
            and changed_values.indicator_id = placed.indicator_id
    inner join indicators
        on
            changed_values.plan_version = indicators.plan_version
            and changed_values.indicator_id = indicators.indicator_id
    where
        placed.is_other_part
        and changed_values.breakdown in ('total', 'reporting')
        or changed_values.breakdown in ('timeliness', 'payment', 'meeting', 'reporting')
        or (
            changed_values.breakdown = 'un_region'
            and (
                (placed.old_region is distinct from changed_values.breakdown_value)
                <> (placed.new_region is distinct from changed_values.breakdown_value)
                or (placed.new_region = changed_values.breakdown_value and placed.is_other_part)
            )
        )
        or (
            changed_values.breakdown = 'applicable'
            and (
                placed.is_other_part
                or (placed.old_reason = 'not_applicable') <> (placed.new_reason = 'not_applicable')
            )
        )
),

by_members as (
    select
        affected.reporting_year,
        affected.plan_version,
        affected.indicator_id,
        affected.breakdown,
        affected.breakdown_value,
        bearings.dataset,
        bearings.record_key,
        topics.makes_members = 1 and affected.is_other_membership as is_membership
    from affected
    inner join topics
        on
            affected.plan_version = topics.plan_version
            and affected.indicator_id = topics.indicator_id
    inner join bearings
        on
            topics.topic = bearings.topic
            and (
                bearings.iso3 is null
                or affected.old_iso3 = bearings.iso3
                or affected.new_iso3 = bearings.iso3
            )
            and (bearings.member_key is null or affected.member_key = bearings.member_key)
            and (bearings.indicator_id is null or affected.indicator_id = bearings.indicator_id)
            and (bearings.plan_version is null or affected.plan_version = bearings.plan_version)
            and affected.reporting_year between bearings.first_year and bearings.last_year
    where
        (
            affected.all_topics
            or topics.makes_members = 0
            or (affected.breakdown in ('reporting', 'timeliness') and topics.topic = 'reports')
        )
        and (
            affected.breakdown <> 'meeting'
            or bearings.meeting_id is null
            or affected.breakdown_value = bearings.meeting_id
        )
),

-- A row that moved the value may bear on other states too (a meeting, a record that went from one state to another):
-- what else changed for them is named with it, for it would count if that row were not there.
by_shared_rows as (
    select distinct
        named.reporting_year,
        named.plan_version,
        named.indicator_id,
        named.breakdown,
        named.breakdown_value,
        others.dataset,
        others.record_key,
        false as is_membership
    from by_members as named
    inner join bearings as shared
        on
            named.dataset = shared.dataset
            and named.record_key = shared.record_key
    inner join topics as shared_topics
        on
            shared.topic = shared_topics.topic
            and named.plan_version = shared_topics.plan_version
            and named.indicator_id = shared_topics.indicator_id
    inner join bearings as others
        on
            shared.iso3 = others.iso3
            and (others.indicator_id is null or named.indicator_id = others.indicator_id)
            and (others.plan_version is null or named.plan_version = others.plan_version)
            and named.reporting_year between others.first_year and others.last_year
    inner join topics as other_topics
        on
            others.topic = other_topics.topic
            and named.plan_version = other_topics.plan_version
            and named.indicator_id = other_topics.indicator_id
    left join old_states on shared.iso3 = old_states.iso3
    left join new_states on shared.iso3 = new_states.iso3
    where
        (
            named.breakdown <> 'un_region'
            or coalesce(old_states.un_region, 'none') = named.breakdown_value
            or coalesce(new_states.un_region, 'none') = named.breakdown_value
        )
        and (
            named.breakdown <> 'meeting'
            or others.meeting_id is null
            or others.meeting_id = named.breakdown_value
        )
),

-- who has a report decides on the part `reporting` of every percentage, whatever its rule
by_reporters as (
    select
        affected.reporting_year,
        affected.plan_version,
        affected.indicator_id,
        affected.breakdown,
        affected.breakdown_value,
        bearings.dataset,
        bearings.record_key,
        false as is_membership
    from affected
    inner join bearings
        on
            bearings.topic = 'reports'
            and (affected.old_iso3 = bearings.iso3 or affected.new_iso3 = bearings.iso3)
            and affected.reporting_year between bearings.first_year and bearings.last_year
    where affected.breakdown = 'reporting'
),

by_regions as (
    select
        affected.reporting_year,
        affected.plan_version,
        affected.indicator_id,
        affected.breakdown,
        affected.breakdown_value,
        bearings.dataset,
        bearings.record_key,
        true as is_membership
    from affected
    inner join bearings
        on
            bearings.topic = 'regions'
            and (affected.old_iso3 = bearings.iso3 or affected.new_iso3 = bearings.iso3)
    where
        affected.breakdown = 'un_region'
        and affected.is_other_membership
),

by_groups as (
    select
        changed_values.reporting_year,
        changed_values.plan_version,
        changed_values.indicator_id,
        changed_values.breakdown,
        changed_values.breakdown_value,
        bearings.dataset,
        bearings.record_key,
        false as is_membership
    from changed_values
    inner join indicators
        on
            changed_values.plan_version = indicators.plan_version
            and changed_values.indicator_id = indicators.indicator_id
            and indicators.rule in ('participant_count', 'participant_share')
    inner join bearings
        on
            bearings.topic = 'participations'
            and changed_values.reporting_year between bearings.first_year and bearings.last_year
),

-- a part that comes or goes with its meeting
by_meetings as (
    select
        changed_values.reporting_year,
        changed_values.plan_version,
        changed_values.indicator_id,
        changed_values.breakdown,
        changed_values.breakdown_value,
        'meetings' as dataset,
        changed_values.breakdown_value as record_key,
        false as is_membership
    from changed_values
    where
        changed_values.breakdown = 'meeting'
        and (changed_values.old_status is null or changed_values.new_status is null)
),

-- a dataset that came for the first time, or is gone, and the meeting that sets the limit of payments
needs as (
    select
        indicators.plan_version,
        indicators.indicator_id,
        rule_datasets.dataset
    from indicators
    inner join {{ ref('rule_datasets') }} as rule_datasets on indicators.rule = rule_datasets.rule
    union distinct
    select
        indicators.plan_version,
        indicators.indicator_id,
        population_datasets.dataset
    from indicators
    inner join {{ ref('population_datasets') }} as population_datasets
        on indicators.population = population_datasets.population
    union distinct
    select
        plan_version,
        indicator_id,
        source as dataset
    from indicators
),

by_obstacles as (
    select
        changed_values.reporting_year,
        changed_values.plan_version,
        changed_values.indicator_id,
        changed_values.breakdown,
        changed_values.breakdown_value,
        changes.dataset,
        changes.record_key,
        false as is_membership
    from changed_values
    inner join needs
        on
            changed_values.plan_version = needs.plan_version
            and changed_values.indicator_id = needs.indicator_id
    inner join changes
        on
            needs.dataset = changes.dataset
            and changes.is_first_or_last
    where 'not_computable' in (coalesce(changed_values.old_status, ''), coalesce(changed_values.new_status, ''))
    union all
    select
        changed_values.reporting_year,
        changed_values.plan_version,
        changed_values.indicator_id,
        changed_values.breakdown,
        changed_values.breakdown_value,
        bearings.dataset,
        bearings.record_key,
        false as is_membership
    from changed_values
    inner join indicators
        on
            changed_values.plan_version = indicators.plan_version
            and changed_values.indicator_id = indicators.indicator_id
            and indicators.rule = 'paid_in_time'
    inner join bearings
        on
            bearings.topic = 'formal_meetings'
            and changed_values.reporting_year between bearings.first_year and bearings.last_year
),

linked as (
    {% for links in [
        'by_members', 'by_shared_rows', 'by_reporters', 'by_regions', 'by_groups', 'by_meetings', 'by_obstacles',
    ] %}
    select * from {{ links }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

records as (
    select
        {% for column in value_key %}
        {{ column }},
        {% endfor %}
        dataset,
        record_key,
        max(case when is_membership then 1 else 0 end) = 1 as is_membership
    from linked
    group by {{ value_key | join(', ') }}, dataset, record_key
),

-- a file with only its header makes its dataset count as delivered, without any row
headers as (
    select coalesce(headers_now.dataset, headers_before.dataset) as dataset
    from (select distinct dataset from {{ source('control', 'empty_deliveries') }}) as headers_now
    full join (select distinct dataset from {{ source('control', 'previous_empty_deliveries') }}) as headers_before
        on headers_now.dataset = headers_before.dataset
    where headers_now.dataset is null or headers_before.dataset is null
)

select
    {% for column in value_key %}
    records.{{ column }},
    {% endfor %}
    changes.dataset,
    changes.record_key,
    changes.record_status,
    changes.received_on,
    changes.file_sha256,
    changes.file_name,
    changes.sheet,
    changes.row_number,
    changes.delivery_seq,
    changes.is_known,
    changes.change,
    records.is_membership
from records
inner join changes
    on
        records.dataset = changes.dataset
        and records.record_key = changes.record_key
union all
select
    {% for column in value_key %}
    changed_values.{{ column }},
    {% endfor %}
    headers.dataset,
    null as record_key,
    null as record_status,
    null as received_on,
    null as file_sha256,
    null as file_name,
    null as sheet,
    null as row_number,
    null as delivery_seq,
    true as is_known,
    'new_report' as change,
    false as is_membership
from changed_values
inner join needs
    on
        changed_values.plan_version = needs.plan_version
        and changed_values.indicator_id = needs.indicator_id
inner join headers on needs.dataset = headers.dataset
where 'not_computable' in (coalesce(changed_values.old_status, ''), coalesce(changed_values.new_status, ''))
