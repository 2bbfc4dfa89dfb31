-- The grid of values: the total of every indicator and year, and every part of its breakdowns, also those that will be
-- zero (semantics.md, Breakdowns).

with

questions as (
    select
        questions.*,
        case
            when questions.rule = 'joined_in_year' then 'instrument'
            else populations.member_kind
        end as member_kind
    from {{ ref('int_indicator_years') }} as questions
    inner join {{ ref('populations') }} as populations on questions.population = populations.population
),

meetings as (
    select
        years.reporting_year,
        meetings.meeting_id
    from {{ ref('stg_meetings') }} as meetings
    inner join {{ ref('int_reporting_years') }} as years
        on meetings.starts_on between years.year_start and years.cut_off
),

vocabulary as (
    {% for breakdown, values in {
        'total': ['all'],
        'un_region': [
            'African', 'Asia-Pacific', 'Eastern European', 'Latin American and Caribbean',
            'Western European and Other', 'none',
        ],
        'reporting': ['reporting'],
        'applicable': ['applicable'],
        'timeliness': ['on_time', 'late', 'none'],
        'payment': ['in_time', 'late', 'partial', 'none'],
        'kind': ['mine_victims', 'survivor_organizations'],
        'delegation_kind': [
            'state', 'united_nations', 'international_organization', 'red_cross', 'survivor_organization',
            'civil_society', 'other',
        ],
    }.items() %}
    {%- set outer_loop = loop -%}
    {% for value in values %}
    select
        '{{ breakdown }}' as breakdown,
        '{{ value }}' as breakdown_value
    {{ 'union all' if not (loop.last and outer_loop.last) }}
    {% endfor %}
    {% endfor %}
),

parts as (
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        vocabulary.breakdown,
        vocabulary.breakdown_value
    from questions
    inner join vocabulary
        on
            vocabulary.breakdown = 'total'
            or (vocabulary.breakdown = 'un_region' and questions.member_kind in ('state', 'instrument', 'request'))
            or (vocabulary.breakdown = 'reporting' and questions.member_kind = 'state' and questions.unit = 'percent')
            or (vocabulary.breakdown = 'applicable' and questions.rule = 'reported' and questions.unit = 'percent')
            or (
                vocabulary.breakdown = 'timeliness'
                and questions.rule = 'submitted'
                and questions.population = 'reporting_parties'
            )
            or (vocabulary.breakdown = 'payment' and questions.rule = 'paid_in_time')
            or (vocabulary.breakdown = 'kind' and questions.rule = 'participant_count')
            or (vocabulary.breakdown = 'delegation_kind' and questions.rule = 'participant_share')
    union all
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        'meeting' as breakdown,
        meetings.meeting_id as breakdown_value
    from questions
    inner join meetings on questions.reporting_year = meetings.reporting_year
    where questions.rule in ('participant_count', 'participant_share', 'attended', 'condemned_in_meeting')
)

select * from parts
